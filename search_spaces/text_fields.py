"""Types of fields that hold a text: names and addresses, and paths that must be possible before anything starts."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from trainables.ledger.paths import clean_text, possible_folder, possible_path, short_name, writable_folder
from trainables.ledger.s3.place import possible_place

Text = Annotated[str, AfterValidator(clean_text)]
PathText = Annotated[str, AfterValidator(possible_path)]
Folder = Annotated[str, AfterValidator(possible_folder)]
Place = Annotated[str, AfterValidator(possible_place)]
OwnFolder = Annotated[str, AfterValidator(writable_folder)]
ShortName = Annotated[Text, AfterValidator(short_name)]
