"""The recordings as texts, for tests of parsers: every output that a command is known to have printed."""

from pathlib import Path

RECORDINGS = Path(__file__).resolve().parent.parent / "recordings"


def outputs(command: str) -> list[str]:
    """What `command` printed with exit status 0, in every state that a real pair showed."""
    recorded = []
    for path in sorted(RECORDINGS.rglob("*.txt")):
        lines = path.read_text(errors="surrogateescape").splitlines(keepends=True)
        is_made = any(part.startswith("made-") for part in path.parts)
        if not is_made and lines and lines[0] == f"$ {command}\n" and lines[-1].strip() == "exit 0":
            recorded.append("".join(lines[1:-1]))
    assert recorded, f"no recording of {command}"
    return recorded
