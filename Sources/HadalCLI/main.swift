print("hadal")
