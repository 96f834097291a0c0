"""`python -m tests.reference`: writes docs/api.md."""

from tests.reference import PAGE
from tests.reference.document import document
from tests.reference.page import page

if __name__ == "__main__":
    PAGE.write_text(page(document()))
