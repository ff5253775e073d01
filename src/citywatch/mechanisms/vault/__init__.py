"""The only place where names, ID numbers, phones and addresses exist, sealed with a key per person.

Everything else knows a person by number or pseudonym. `open_identities` asks jurisdiction, journals, then opens.
"""
