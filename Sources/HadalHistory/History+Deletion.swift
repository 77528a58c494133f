import GRDB
import HadalCore

extension History {
    /// Deletes a conversation with its key and its messages, and what files still hold of it: freed pages are overwritten, the database is
    /// written again without them, and copies that a migration left are destroyed.
    ///
    /// - Throws: `notFound`; `io` also where the conversation is gone and its remains could not be removed.
    package func delete(_ id: String) throws {
        try write { store in
            try store.delete(id)
            for copy in self.files.copies { try FileRemains.destroy(copy) }
        }
        try clearGaps { $0.remove(id) }
    }

    /// Deletes all conversations, and damaged files that were kept aside as well. The passphrase remains.
    package func deleteAll() throws {
        try write { store in
            try store.deleteAll()
            for file in self.files.copies + self.files.damaged { try FileRemains.destroy(file) }
        }
        try locked { $0.report = nil }
        try clearGaps { $0 = SearchIndex() }
    }

    private func clearGaps(_ forget: (inout SearchIndex) -> Void) throws {
        try locked { work in
            forget(&work.index)
            let database = try self.database(&work)
            do {
                // Rows that moved between pages leave their bytes behind in the gaps, which `secure_delete` does not clear.
                try database.queue.writeWithoutTransaction { try $0.execute(sql: "VACUUM") }
            } catch  where !database.isCurrent {
                // Another process wrote the file again, without what was deleted.
            } catch {
                guard let error = HistoryDatabase.translated(error, files.database) as? HadalError else { throw error }
                throw HadalError(
                    error.code, "it is deleted, but the file may still hold parts of it: \(error.message)", at: error.place,
                    hint: error.hint.adding("the next deletion tries again"))
            }
        }
    }
}
