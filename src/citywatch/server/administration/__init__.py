"""The pages of the three administrators: accounts and machine keys, rights, the record. No one sees two of them."""
