"""Calls of registries."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "ERRORS", "LISTINGS", "OBJECTS", "READS", "UNEVEN", "WRITES"]

OBJECTS = {"registry": "fresh().registry('models', 'local')"}
ATTRIBUTES = {
    "Registry": (
        "registry",
        "allow_all_artifact_types artifact_types created_at description entity full_name name"
        " organization path updated_at visibility id",
    ),
}
LISTINGS = {
    "Registries": "fresh().registries('local')",
    "Collections": "fresh().registries('local').collections()",
    "Versions": "fresh().registries('local').versions()",
}
READS: dict[str, tuple[str, ...]] = {
    "Api.registries": (
        "[each.full_name for each in api.registries()]",
        "[each.name for each in api.registries('local', {'name': {'$regex': 'mod'}})]",
        "[each.name for each in api.registries(organization='local').collections()]",
        "[each.name for each in api.registries().collections({'name': 'nets'}).versions()]",
        "[each.name for each in api.registries().versions({'alias': 'best'})]",
    ),
    "Api.registry": ("api.registry('models')", "api.registry(name='data', organization='local')"),
    "Registry.__init__": ("new('Registry')(client, 'local', registry.entity, 'models').full_name",),
    "Registry.collections": (
        "[each.name for each in registry.collections()]",
        "[each.name for each in registry.collections(filter={'name': 'nope'})]",
    ),
    "Registry.versions": (
        "[[each.name, each.source_name] for each in registry.versions()]",
        "[each.name for each in registry.versions(filter={'alias': 'nope'})]",
    ),
    "Registry.load": ("them = registry; them.load(); [them.name, them.description]",),
}
UNEVEN: dict[str, tuple[str, str]] = {}
ERRORS: dict[str, tuple[str, ...]] = {
    "Api.registry": ("api.registry('nope', 'local').load()",),
    "Api.create_registry": (
        "api.create_registry('models', 'organization', organization='local')",
        "api.create_registry('a', 'everybody', organization='local')",
    ),
    "Registry.create": ("new('Registry').create(api, 'local', 'models', 'restricted')",),
}
WRITES: dict[str, tuple[str, ...]] = {
    "Api.create_registry": (
        "vars_of(api.create_registry('made', 'restricted', 'local', 'words', ['model']),"
        " 'name full_name visibility description artifact_types organization')",
    ),
    "Registry.create": ("new('Registry').create(api, 'local', 'second', 'organization').path",),
    "Registry.save": (
        "them = fresh().registry('second', 'local'); them.description = 'changed';"
        " them.name = 'renamed'; them.save();"
        " vars_of(fresh().registry('renamed', 'local'), 'name description visibility')",
        "them = fresh().registry('made', 'local'); them.artifact_types.append('dataset');"
        " them.save(); fresh().registry('made', 'local').artifact_types",
    ),
    "Registry.delete": (
        "fresh().registry('renamed', 'local').delete();"
        " sorted(each.name for each in fresh().registries('local'))",
    ),
}
