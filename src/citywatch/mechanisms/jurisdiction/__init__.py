"""Who may see and do what, and where: the place tree, grants on subtrees, and the scope on every queryset.

Owns `Account`, `Place`, `Role`, `Grant` and `MachineKey`; organisations, staff and sites are the registry's.
"""
