"""Calls of artifacts, their types, collections, versions and files."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "ERRORS", "LISTINGS", "OBJECTS", "READS", "UNEVEN", "WRITES"]

OBJECTS = {
    "artifact": "fresh().artifact('local/vision/digits:v0')",
    "net": "fresh().artifact('local/vision/net:production')",
    "artifact_type": "fresh().artifact_type('dataset', 'local/vision')",
    "collection": "fresh().artifact_collection('dataset', 'local/vision/digits')",
    "trainer": "fresh().run('local/vision/fit')",
}
ATTRIBUTES = {
    "ArtifactCollection": (
        "collection",
        "aliases created_at description id name tags type entity project updated_at",
    ),
    "ArtifactType": ("artifact_type", "id name"),
    "Artifact": (
        "artifact",
        "aliases created_at description digest entity file_count history_step id"
        " is_link metadata name project qualified_name size source_entity source_name"
        " source_project source_qualified_name source_version state tags ttl type updated_at"
        " url version collection source_collection source_artifact",
    ),
}
LISTINGS = {
    "Artifacts": "fresh().artifacts('model', 'local/vision/net', per_page=1)",
    "ArtifactCollections": "fresh().artifact_collections('local/vision', 'dataset', per_page=1)",
    "ArtifactFiles": "artifact.files(per_page=1)",
    "ArtifactTypes": "fresh().artifact_types('local/vision')",
    "RunArtifacts": "trainer.logged_artifacts(per_page=1)",
}
READS: dict[str, tuple[str, ...]] = {
    "Api.artifact": (
        "api.artifact('local/vision/digits:v0')",
        "api.artifact(name='vision/digits:clean', type='dataset').version",
        "api.artifact('local/vision/digits').version",
        "api.artifact('local/vision/net:latest').metadata",
        "api.artifact('wandb-registry-models/nets:best').source_name",
        "[[name, entry.size] for name, entry in sorted(artifact.manifest.entries.items())]",
    ),
    "Api.artifact_collection": (
        "api.artifact_collection('dataset', 'local/vision/digits')",
        "api.artifact_collection(type_name='model', name='vision/net').aliases",
    ),
    "Api.artifact_collection_exists": (
        "api.artifact_collection_exists('local/vision/digits', 'dataset')",
        "api.artifact_collection_exists(name='local/vision/nope', type='dataset')",
        "api.artifact_collection_exists('local/nope/digits', 'dataset')",
    ),
    "Api.artifact_collections": (
        "api.artifact_collections('local/vision', 'model')",
        "api.artifact_collections(project_name='vision', type_name='dataset', per_page=1)",
    ),
    "Api.artifact_exists": (
        "api.artifact_exists('local/vision/digits:v1')",
        "api.artifact_exists(name='local/vision/digits:raw', type='dataset')",
        "[api.artifact_exists('local/vision/digits:v9'), api.artifact_exists('a/b/c:v0')]",
    ),
    "Api.artifact_type": (
        "api.artifact_type('dataset', 'local/vision')",
        "api.artifact_type(type_name='model', project='vision').id",
    ),
    "Api.artifact_types": (
        "sorted(each.name for each in api.artifact_types('local/vision'))",
        "list(api.artifact_types(project='local/other'))",
    ),
    "Api.artifact_versions": ("api.artifact_versions('dataset', 'local/vision/digits')",),
    "Api.artifacts": (
        "api.artifacts('dataset', 'local/vision/digits')",
        "[each.digest for each in api.artifacts('model', 'vision/net', per_page=1)]",
        "api.artifacts(type_name='dataset', name='local/vision/digits', tags=['small'])",
        "api.artifacts('dataset', 'local/vision/digits', tags='nothing')[:1]",
        "api.artifacts('dataset', 'local/vision/digits')[0].aliases",
    ),
    "ArtifactCollection.artifacts": (
        "collection.artifacts()",
        "[each.version for each in collection.artifacts(per_page=1)]",
    ),
    "ArtifactCollection.is_sequence": ("collection.is_sequence()",),
    "ArtifactType.collection": ("artifact_type.collection('digits')",),
    "ArtifactType.collections": (
        "artifact_type.collections()",
        "artifact_type.collections(per_page=1)[0].name",
    ),
    "ArtifactFiles.path": (
        "artifact.files().path",
        "[[each.name, each.size, each.digest] for each in artifact.files()]",
        "[each.name for each in artifact.files(names=['labels.csv'])]",
    ),
    "Artifact.download": (
        "sorted(path.name for path in Path(artifact.download(folder)).rglob('*'))",
        "artifact.download(root=folder, path_prefix='train');"
        " sorted(path.name for path in Path(folder).rglob('*'))",
    ),
    "Artifact.manifest": (
        "[[name, entry.ref, entry.size, entry.digest] for name, entry in"
        " api.artifact('local/vision/links:v0').manifest.entries.items()]",
    ),
    "Artifact.get": (
        "them = api.artifact('local/vision/tables:v0').get('rows'); [them.columns, them.data]",
        "them = api.artifact('local/vision/tables:v0')['rows']; them.get_column('x')",
        "artifact.get('nothing')",
    ),
    "Artifact.get_entry": ("artifact.get_entry('labels.csv').size",),
    "Artifact.get_path": ("artifact.get_path('labels.csv').digest",),
    "Artifact.verify": ("artifact.verify(artifact.download(folder))",),
    "Artifact.file": ("Path(net.file(folder)).read_text()",),
    "Artifact.checkout": ("Path(artifact.checkout(folder)).is_dir()",),
    "Artifact.logged_by": ("artifact.logged_by()",),
    "Artifact.used_by": ("[artifact.used_by(), api.artifact('local/vision/digits:v1').used_by()]",),
    "Artifact.is_draft": ("artifact.is_draft()",),
    "Artifact.json_encode": ("sorted(artifact.json_encode())",),
    "Artifact.linked_artifacts": ("[each.name for each in net.linked_artifacts]",),
    "Project.artifacts_types": (
        "sorted(each.name for each in project.artifacts_types())",
        "len(list(project.artifacts_types(per_page=1)))",
    ),
    "Run.logged_artifacts": (
        "trainer.logged_artifacts()",
        "[each.version for each in trainer.logged_artifacts(per_page=1)]",
    ),
    "Run.used_artifacts": (
        "trainer.used_artifacts()",
        "[each.use_as for each in trainer.used_artifacts(per_page=1)]",
    ),
}
UNEVEN: dict[str, tuple[str, str]] = {
    "ArtifactCollections.length": (
        "fresh().artifact_collections('local/vision', 'dataset').length",
        "len(fresh().artifact_collections('local/vision', 'dataset'))",
    ),
    "ArtifactFiles.length": ("artifact.files().length", "len(artifact.files())"),
    "Artifacts.length": ("collection.artifacts().length", "len(collection.artifacts())"),
    "RunArtifacts.length": (
        "trainer.used_artifacts().length + trainer.logged_artifacts().length",
        "len(trainer.used_artifacts()) + len(trainer.logged_artifacts())",
    ),
}
ERRORS: dict[str, tuple[str, ...]] = {
    "Api.artifact": (
        "api.artifact(None)",
        "api.artifact('local/vision/digits:v0', type='model')",
        "api.artifact('local/vision/digits:v99')",
        "api.artifact('local/vision/nope:v0')",
        "api.artifact('a/b/c/d:v0')",
    ),
    "Api.artifact_collection": ("api.artifact_collection('dataset', 'local/vision/nope').id",),
    "Api.artifact_collections": ("list(api.artifact_collections('local/other', 'dataset'))",),
    "Run.use_artifact": ("run.use_artifact('not an artifact')",),
    "Run.log_artifact": ("run.log_artifact('not an artifact')",),
}
WRITES: dict[str, tuple[str, ...]] = {
    "Artifact.save": (
        "artifact.description = 'new words'; artifact.metadata['more'] = [1];"
        " artifact.aliases.append('fine'); artifact.tags.append('tagged'); artifact.save();"
        " vars_of(fresh().artifact('vision/digits:fine'), 'description metadata aliases tags')",
        "artifact.aliases.remove('fine'); artifact.tags = []; artifact.save();"
        " vars_of(fresh().artifact('local/vision/digits:v0'), 'aliases tags')",
    ),
    "ArtifactCollection.save": (
        "collection.description = 'all digits'; collection.tags = ['one', 'two'];"
        " collection.save();"
        " them = fresh().artifact_collection('dataset', 'local/vision/digits');"
        " [them.description, them.name, sorted(them.tags)]",
        "them = fresh().artifact_collection('dataset', 'local/vision/digits'); them.tags = ['two'];"
        " them.name = 'numerals'; them.save();"
        " fresh().artifact_collection('dataset', 'local/vision/numerals').tags",
        "them = fresh().artifact_collection('dataset', 'local/vision/numerals');"
        " them.name = 'digits'; them.save(); them.name",
    ),
    "ArtifactCollection.change_type": (
        "fresh().artifact_collection('dataset', 'local/vision/links').change_type('data');"
        " fresh().artifact_collection('data', 'local/vision/links').type",
        "fresh().artifact_collection('data', 'vision/links').change_type(new_type='dataset');"
        " fresh().artifact_collection('dataset', 'local/vision/links').type",
    ),
    "Run.use_artifact": (
        "run.use_artifact(artifact).name",
        "run.use_artifact(artifact=net, use_as='start').version",
        "sorted(each.name for each in fresh().run('local/vision/train-1').used_artifacts())",
    ),
    "Run.log_artifact": (
        "run.log_artifact(artifact, aliases=['twice'], tags=['seen']).name",
        "[each.name for each in fresh().run('local/vision/train-1').logged_artifacts()]",
        "vars_of(fresh().artifact('local/vision/digits:twice'), 'version aliases tags')",
    ),
    "Artifact.link": (
        "artifact.link('local/vision/shelf', aliases=['kept']);"
        " fresh().artifact('local/vision/shelf:kept').source_version",
    ),
    "Artifact.unlink": (
        "fresh().artifact('local/vision/shelf:kept').unlink();"
        " fresh().artifact_exists('local/vision/shelf:kept')",
    ),
    "ArtifactCollection.delete": (
        "fresh().artifact_collection('dataset', 'local/vision/shelf').delete();"
        " fresh().artifact_collection_exists('local/vision/shelf', 'dataset')",
    ),
    "Artifact.delete": (
        "fresh().artifact('local/vision/scrap:v0').delete();"
        " [each.version for each in fresh().artifacts('dataset', 'local/vision/scrap')]",
        "fresh().artifact('local/vision/scrap:latest').delete(delete_aliases=True);"
        " list(fresh().artifacts('dataset', 'local/vision/scrap'))",
    ),
}
