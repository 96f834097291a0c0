"""The operators' office: who may do what, what was done, and what people need to see. Knows no web."""
