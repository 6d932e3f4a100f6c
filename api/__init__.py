"""The HTTP surface: validates, makes one Temporal call or one database read, and answers."""
