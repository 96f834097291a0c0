"""What the groups of verbs of the control client share."""

from pydantic import BaseModel


class Verbs:
    """Something that can ask the `/_twin` doors."""

    def _ask(
        self, verb: str, path: str, body: str | None = None, *, query: dict[str, str] | None = None
    ) -> bytes:
        """The answer of one door."""
        raise NotImplementedError

    def _post(self, path: str, body: BaseModel | None = None) -> bytes:
        """The answer of a door that does something."""
        return self._ask("POST", path, None if body is None else body.model_dump_json())
