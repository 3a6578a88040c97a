"""Reading files of people: what they are, their rows, which column is what, which rows are good."""
