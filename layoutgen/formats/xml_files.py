"""XML from strangers: no entities, so that a few letters do not become gigabytes, and no file is read in."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse

from layoutgen.errors import InvalidFile, first_line


def read_xml(path: Path) -> Element:
    """The root of the XML file at `path`.

    Raises:
        InvalidFile: it cannot be read, is cut off, is no XML, or defines entities.
    """
    try:
        root: Element = parse(path).getroot()
    except DefusedXmlException:
        problem, remedy = "defines entities, which may be anything", "write the text itself in their place"
    except OSError as error:
        problem, remedy = f"cannot be read: {error.strerror}", "check the path"
    except (ParseError, ValueError, LookupError) as error:  # also an unknown encoding
        problem, remedy = f"is not XML: {first_line(error)}", "export it again"
    else:
        return root
    raise InvalidFile(path, problem, remedy=remedy)
