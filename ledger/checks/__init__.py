"""The statements of `ledger.audit`. Each finds what is broken: transaction, what, where, expected, found.

Every formula of the book is written here once more, on purpose not by the functions that write the book.
"""
