"""Who may be called: one gate, its rules, and the data of the law. Pure."""
