"""How long each class of data is kept, on whose authority, and how it ends: by its clock or by order, certified.

What is destroyed is identity: own keys, sealed values, the index by which a person is found, the bytes messages came
in, old visits. Counts, hashes and the journal stay, under numbers that then lead to nobody.
"""
