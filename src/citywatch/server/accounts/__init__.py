"""The doors for people: the library's sign-in made to follow the house's rules, and pages about one's own account."""
