"""Which classes the masks of a source have: the user's, those of a rule, or the layout's own."""

from __future__ import annotations

from cellenhance.data.classes.class_map import ClassRule, parse_class, parse_codes
from cellenhance.data.importers.contract import FoundSource
from cellenhance.data.importers.instances import has_drawn_objects, source_classes
from cellenhance.data.importers.survey import Survey
from cellenhance.errors import SettingsError
from cellenhance.tasks.prepare.found import SourceSurvey
from cellenhance.tasks.prepare.requests import PrepareRequest


def named_values(request: PrepareRequest, source: FoundSource) -> PrepareRequest:
    """Return the request with class names of the layout or of a rule as their mask values.

    So ``--class cell=nucleus,cytoplasm`` and ``--ignore debris`` work where masks are drawn from
    labels, ``--class nucleus=interior`` for label maps; numbers and colours stay as they are.

    Raises
    ------
    SettingsError
        A word is neither a name here nor a number or colour.
    """
    named = source.default_classes
    if request.instances.rule is not None:
        named = (*named, *source_classes(source, request.instances))
    values = {rule.name: ",".join(map(str, rule.codes)) for rule in named}
    classes = []
    for text in request.classes:
        name, equals, words = text.rpartition("=")
        replaced = _replaced(words, values, f"--class '{text}'") if equals else words
        classes.append(name + equals + replaced)
    ignore = tuple(_replaced(text, values, f"--ignore '{text}'") for text in request.ignore)
    return request.model_copy(update={"classes": tuple(classes), "ignore": ignore})


def choose_classes(request: PrepareRequest, source: FoundSource, survey: Survey) -> SourceSurvey:
    """Return what was found with its classes, those of the user before those of the layout."""
    rules = tuple(parse_class(text) for text in request.classes)
    if request.instances.rule is not None and not has_drawn_objects(source):
        # The rule's values 0, 1 and 2 are not those that the layout speaks of.
        rules = rules or source_classes(source, request.instances)
        return SourceSurvey(request, source, survey, rules)
    own = source.default_classes
    if request.instances.rule is not None:
        own = source_classes(source, request.instances)
    request = request.model_copy(update={"ignore": _ignored(request, source, rules)})
    if not rules:
        ignored = {code for text in request.ignore for code in parse_codes(text, "--ignore")[0]}
        rules = tuple(
            rule
            for rule in own
            if not ignored.issuperset(rule.codes)
            and (
                rule.name not in source.optional_classes
                or not survey.codes.keys().isdisjoint(rule.codes)
            )
        )
    return SourceSurvey(request, source, survey, rules)


def _ignored(
    request: PrepareRequest, source: FoundSource, rules: tuple[ClassRule, ...]
) -> tuple[str, ...]:
    """Return the user's values to ignore and the layout's own that no class of the user names."""
    named = {code for rule in rules for code in rule.codes}
    own = [text for text in source.ignore if named.isdisjoint(parse_codes(text, "the layout")[0])]
    if any(rule.is_color for rule in rules):
        own = []
    return tuple(dict.fromkeys([*request.ignore, *own]))


def _replaced(text: str, values: dict[str, str], where: str) -> str:
    words = [values.get(word.strip(), word) for word in text.split(",")]
    for word in words if values else ():
        try:
            parse_codes(word, where)
        except SettingsError as error:
            raise SettingsError(
                f"{where}: '{word}' is neither a number nor a name here ({', '.join(values)})"
            ) from error
    return ",".join(words)
