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
    "Api.organization": (
        "vars_of(api.organization(), 'id name')",
        "vars_of(api.organization('local').org_entity, 'id name entity_type')",
    ),
    "Registries.order": (
        "[each.name for each in api.registries(order='-name')]",
        "[each.name for each in api.registries(order='+created_at', per_page=1)]",
        "[each.name for each in api.registries(order='-name').collections()]",
        "[each.name for each in api.registries(order='-name').collections().versions()]",
        "[each.name for each in api.registries(order='-name').versions(order='+linked_at')]",
        "[each.name for each in api.registries().collections(order='-name').versions()]",
    ),
    "Registries.filter": (
        "[each.name for each in api.registries(filter={'name': 'models'})]",
        "[each.name for each in api.registries(filter={'name': {'$in': ['data', 'none']}})]",
        "[each.name for each in api.registries(filter={'$or': [{'name': 'data'},"
        " {'description': 'ours'}]})]",
        "[each.name for each in api.registries(filter={'created_at': {'$gt': '2020-01-01'}})]",
        "api.registries(filter={'name': {'$ne': 'models'}}).filter",
        "[each.name for each in api.registries().collections({'tag': 'reviewed'})]",
        "[each.name for each in api.registries().collections({'description': {'$regex': 'look'}})]",
        "[each.name for each in api.registries().versions({'metadata.accuracy': {'$gt': 0.6}})]",
        "[each.name for each in api.registries().versions({'tag': 'small'})]",
        "[each.name for each in api.registries().versions({'version': 1})]",
        "[each.name for each in api.registries().versions({'created_at': {'$gt': '2020-01-01'}},"
        " order='-created_at')]",
        "[each.name for each in api.registries().versions({'artifact_size': {'$gt': 30}},"
        " order='+artifact_size')]",
    ),
    "Registries.start": (
        "them = api.registries(per_page=1); them.next();"
        " [each.name for each in api.registries(start=them.cursor)]",
        "them = api.registries().versions(per_page=1); them.next();"
        " [each.name for each in api.registries().versions(start=them.cursor)]",
    ),
    "Registries.length": ("them = api.registries(); [them.length, them.next() and them.length]",),
    "Registry.members": (
        "[[each.kind, each.user.username, each.role] for each in registry.members()]",
        "registry.team_members()",
        "[each.user.email for each in registry.user_members()]",
    ),
    "Registry.internal_id": ("registry.internal_id",),
    "Artifact.link": (
        "vars_of(api.artifact('local/wandb-registry-models/nets:best'), 'name version type')",
        "[each.qualified_name for each in registry.versions()]",
        "them = api.artifact('local_org/wandb-registry-models/nets:v0');"
        " [them.is_link, them.source_qualified_name, them.collection.name]",
    ),
    "AddOnlyArtifactTypesList": (
        "them = fresh().registry('data', 'local').artifact_types; them.append('a');"
        " them.append('dataset'); them.extend(['b', 'c', 'a']); them.remove('b');"
        " them[1] = 'd'; them.insert(1, 'first'); del them[-1];"
        " [list(them), them.draft, len(them), 'd' in them, them == ['dataset'], repr(them)]",
    ),
    "Registry.load": ("them = registry; them.load(); [them.name, them.description]",),
}
UNEVEN: dict[str, tuple[str, str]] = {}
ERRORS: dict[str, tuple[str, ...]] = {
    "Api.registry": ("api.registry('nope', 'local').load()",),
    "Api.create_registry": (
        "api.create_registry('models', 'organization', organization='local')",
        "api.create_registry('a', 'everybody', organization='local')",
        "api.create_registry('a', 'restricted', 'local', None, ['a/b'])",
        "api.create_registry('a', 'restricted', 'nope')",
    ),
    "Api.organization": ("api.organization('nope')",),
    "Api.registries": (
        "list(api.registries('nope'))",
        "list(api.registries(filter={'state': 1}))",
        "list(api.registries(order='description'))",
        "list(api.registries().collections({'entity_id': 1}))",
        "list(api.registries().versions({'digest': 'x'}))",
        "list(api.registries().versions(order='name'))",
        "list(api.registries(order='name').versions(start='x'))",
        "api.registries(per_page=0)",
    ),
    "Registry.save": (
        "registry.artifact_types.append('more'); registry.save()",
        "them = fresh().registry('data', 'local'); them.name = 'models'; them.save()",
        "them = fresh().registry('data', 'local'); them.name = 'a/b'; them.save()",
    ),
    "Registry.members": (
        "registry.add_members()",
        "registry.add_members('nobody')",
        "registry.add_members(5)",
        "registry.update_member(api.viewer, 'king')",
        "registry.update_member(fresh().user('ada'), 'viewer')",
    ),
    "Artifact.link": (
        "api.artifact('local/vision/net:v0').link('wandb-registry-data/nets')",
        "api.artifact('local/vision/net:v0').link('wandb-registry-nope/nets')",
    ),
    "AddOnlyArtifactTypesList": (
        "fresh().registry('data', 'local').artifact_types.remove('dataset')",
        "fresh().registry('data', 'local').artifact_types.remove('absent')",
        "fresh().registry('data', 'local').artifact_types.pop(0)",
        "fresh().registry('data', 'local').artifact_types.__setitem__(0, 'x')",
        "fresh().registry('data', 'local').artifact_types.__setitem__(7, 'x')",
        "fresh().registry('data', 'local').artifact_types.insert(0, 'x')",
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
    "Registry.add_members": (
        "them = fresh().registry('made', 'local'); lab = fresh().team('lab');"
        " them.add_members(fresh().user('ada'), lab).add_members(lab);"
        " [[each.kind, each.role] for each in them.members()]",
        "them = fresh().registry('made', 'local'); ada = them.user_members()[0];"
        " them.update_member(ada, 'viewer').update_member(fresh().team('lab'), 'admin');"
        " [[each.kind, each.role] for each in them.members()]",
        "them = fresh().registry('made', 'local');"
        " them.remove_members(*them.team_members(), fresh().user('ada').id);"
        " [[each.kind, each.user.username, each.role] for each in them.members()]",
    ),
    "Registry.link": (
        "them = api.artifact('vision/net:v1').link('local/wandb-registry-made/linked', ['a']);"
        " [them.name, them.version, sorted(them.aliases)]",
        "[[each.name, each.type] for each in fresh().registry('made', 'local').collections()]",
        "them = fresh().artifact('local/wandb-registry-made/linked:a'); them.unlink();"
        " list(fresh().registry('made', 'local').versions())",
    ),
    "Registry.visibility": (
        "them = fresh().registry('made', 'local'); them.visibility = 'organization';"
        " them.allow_all_artifact_types = True; them.save(); them = fresh().registry('made');"
        " [them.visibility, them.allow_all_artifact_types, them.artifact_types]",
    ),
    "Registry.delete": (
        "fresh().registry('renamed', 'local').delete();"
        " sorted(each.name for each in fresh().registries('local'))",
    ),
}
