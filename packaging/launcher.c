/* bin/hadal of a distribution: starts libexec/hadal, lending it the shared libraries that this system lacks.
 *
 * Libraries that ordinary systems have (libstdc++, libcrypto, libcurl, …) are shipped as a fallback only. They must not come before the
 * system's: a graphics driver that is loaded later may be linked to newer ones, and a process has one of each name. So this program, which
 * needs the C library alone, asks the loader for each of them, and names the folders of those that are missing or too old.
 *
 * lib/fallback/index has a line for each: its name, and the versions of symbols that are wanted of it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* The folder above bin/, whatever name this program was started by. */
static int find_root(char *root, size_t size, int *has_proc) {
    char path[PATH_MAX], link[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", link, sizeof link - 1);
    *has_proc = length > 0;
    if (*has_proc) {
        link[length] = 0;
    } else {
        /* Without /proc the kernel still tells what it was asked to run. */
        const char *name = (const char *)getauxval(AT_EXECFN);
        if (!name || strlen(name) >= sizeof link) return -1;
        strcpy(link, name);
    }
    if (!realpath(link, path)) return -1;
    for (int level = 0; level < 2; level++) {
        char *slash = strrchr(path, '/');
        if (!slash) return -1;
        *slash = 0;
    }
    if (strlen(path) >= size) return -1;
    strcpy(root, path);
    return 0;
}

/* Whether the system has a library with all these versions. */
static int system_has(const char *name, char *versions) {
    void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (!library) return 0;
    int complete = 1;
    for (char *version = strtok(versions, " "); version && complete; version = strtok(NULL, " ")) {
        /* Each version is a symbol of its own, with no address. */
        dlerror();
        dlsym(library, version);
        if (dlerror()) complete = 0;
    }
    dlclose(library);
    return complete;
}

int main(int count, char **arguments) {
    char root[PATH_MAX], program[PATH_MAX + 32], index[PATH_MAX + 32];
    int has_proc = 0;
    (void)count;
    if (find_root(root, sizeof root, &has_proc)) {
        fprintf(stderr, "hadal: cannot tell where it is installed: %s\n", strerror(errno));
        return 1;
    }
    snprintf(program, sizeof program, "%s/libexec/hadal", root);
    snprintf(index, sizeof index, "%s/lib/fallback/index", root);

    if (!has_proc) {
        /* What $ORIGIN stands for, where the loader cannot find out: a minimal root. */
        char origin[PATH_MAX + 32];
        snprintf(origin, sizeof origin, "%s/libexec", root);
        setenv("LD_ORIGIN_PATH", origin, 1);
    }

    char folders[16384] = "";
    size_t length = 0;
    FILE *file = fopen(index, "r");
    char line[4096];
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *versions = strchr(line, ' ');
        if (versions) *versions++ = 0;
        char none[1] = "";
        if (!line[0] || system_has(line, versions ? versions : none)) continue;
        /* Relative to the program, so that the folder's name may have any character and programs that hadal starts are not misled. */
        int added = snprintf(folders + length, sizeof folders - length, "%s$ORIGIN/../lib/fallback/%s", length ? ":" : "", line);
        if (added < 0 || (size_t)added >= sizeof folders - length) break;
        length += (size_t)added;
    }
    if (file) fclose(file);
    if (length) {
        const char *before = getenv("LD_LIBRARY_PATH");
        char *all = malloc(length + (before ? strlen(before) : 0) + 2);
        if (all) {
            /* What the user named stays in front. */
            sprintf(all, "%s%s%s", before ? before : "", before && *before ? ":" : "", folders);
            setenv("LD_LIBRARY_PATH", all, 1);
            free(all);
        }
    }
    arguments[0] = program;
    execv(program, arguments);
    fprintf(stderr, "hadal: cannot start %s: %s\n", program, strerror(errno));
    return 127;
}
