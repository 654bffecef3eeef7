"""Every member of the API as a call, and what is looked at of its answer.

A call is a line of Python; what its last expression gives is compared. `api` is a client, `fresh()`
makes another one, `new(name)` finds a class of the API, and the names of `OBJECTS` are opened when
a call mentions them. The project is `local/vision` of `scenario`. The reads of a class come first;
then the writes, in order, as they change what is there for those after them.
"""

from __future__ import annotations

from tests.parity import artifact_calls, automation_calls, launch_calls, registry_calls

__all__ = ["DELIBERATE", "ERRORS", "OBJECTS", "READS", "UNEVEN", "WRITES"]

#: Things that calls begin with, each opened by a client of its own when it is first mentioned.
OBJECTS = {
    "run": "fresh().run('local/vision/train-1')",
    "runs": "fresh().runs('local/vision', per_page=2)",
    "project": "fresh().project('vision', 'local')",
    "team": "fresh().team('lab')",
    "member": "fresh().team('lab').members[0]",
    "sweep": "fresh().project('tuned', 'local').sweeps()[0]",
    "report": "fresh().reports('local/tuned', name='older')[0]",
    "agent": "fresh().project('tuned', 'local').sweeps()[0].agents()[0]",
    "file": "fresh().run('local/vision/train-1').file('train-1/notes.txt')",
}

#: Plain attributes: the object, and the names.
_ATTRIBUTES = {
    "Run": (
        "run",
        "entity id lastHistoryStep metadata name path state storage_id summary url username tags"
        " config created_at system_metrics project user notes read_only history_keys"
        " group job_type commit display_name description heartbeat_at history_line_count"
        " rawconfig summary_metrics sweep_name",
    ),
    "File": (
        "file",
        "path_uri size id name url direct_url sizeBytes md5 mimetype updated_at",
    ),
    "Project": ("project", "id path url name entity created_at"),
    "Sweep": (
        "sweep",
        "config entity expected_run_count name order path url username id project state runs"
        " best_loss method description run_count created_at updated_at display_name",
    ),
    "BetaReport": (
        "report",
        "created_at description display_name id name sections spec updated_at url user",
    ),
}

#: Listings: how one of several pages is made.
PAGED = {
    "Runs": "fresh().runs('local/vision', per_page=2)",
    "Files": "run.files(per_page=2)",
    "Projects": "fresh().projects('local', per_page=1)",
    "Reports": "fresh().reports('local/tuned', per_page=1)",
    "Sweeps": "fresh().project('tuned', 'local').sweeps(per_page=1)",
    "AgentRuns": "agent.runs(per_page=1)",
}

#: What is done with every listing.
_LISTING = ("cursor", "more", "convert_objects", "update_variables", "__iter__")

#: What is done with each listing, called `them`.
_PAGING = {
    "cursor": ("[them.cursor, them.next() and them.cursor]",),
    "more": ("[them.more, them.next() and them.more, len(list(them)) and them.more]",),
    "convert_objects": ("them.next(); them.convert_objects()",),
    "next": (
        "[them.next(), them.next(), them.next()]",
        "[them.next() for _ in range(3)]; ended(them.next)",
    ),
    "update_variables": ("them.next(); them.update_variables()",),
    "__getitem__": ("[them[0], them[1], them[:2], them[1:3], them[0] is them[0]]", "them[2]"),
    "__iter__": ("[each for each in them]", "list(them) + list(them)"),
    "__len__": ("len(them)",),
}

#: Members that the SDK 0.31 has no more: our call, and what it would say of the same.
UNEVEN = {
    "Reports.QUERY": ("'query' in new('Reports').QUERY", "True"),
    "Sweeps.length": ("project.sweeps().length", "len(project.sweeps())"),
    "Api.CREATE_PROJECT": ("'mutation' in api.CREATE_PROJECT", "True"),
    "Api.DEFAULT_ENTITY_QUERY": ("'viewer' in api.DEFAULT_ENTITY_QUERY", "True"),
    "Api.USERS_QUERY": ("'users' in api.USERS_QUERY", "True"),
    "Api.VIEWER_QUERY": ("'viewer' in api.VIEWER_QUERY", "True"),
    "Api.client": ("new('Project')(api.client, 'local', 'vision', {}).id", "project.id"),
    "Files.QUERY": ("'query' in new('Files').QUERY", "True"),
    "Projects.QUERY": ("'query' in new('Projects').QUERY", "True"),
    "Runs.QUERY": ("'query' in new('Runs').QUERY", "True"),
    "Run.project_internal_id": ("run.project_internal_id", "run._project_internal_id"),
}

READS: dict[str, tuple[str, ...]] = {
    # --- Api ---
    "Api.default_entity": ("api.default_entity",),
    "Api.user_agent": ("isinstance(api.user_agent, str)",),
    "Api.viewer": (
        "[getattr(api.viewer, name) for name in ('username', 'email', 'entity', 'admin', 'id')]",
    ),
    "Api.flush": (
        "one = api.run('local/vision/train-1'); api.flush();"
        " [one is api.run('local/vision/train-1'), api.flush()]",
    ),
    "Api.from_path": (
        "api.from_path('vision')",
        "api.from_path('local/vision')",
        "api.from_path('local/vision/train-1')",
        "api.from_path('/local/vision/runs/train-2/')",
        "api.from_path('local/tuned/sweeps/' + sweep.id).state",
        "vars_of(api.from_path('local/tuned/reports/A-title--Vmlldzox'), 'id display_name url')",
        "vars_of(api.from_path('local/tuned/reports/Vmlldzox'), 'id display_name url')",
    ),
    "Api.project": (
        "api.project('vision')",
        "api.project('vision', 'local').id",
        "api.project('vision', entity='local').path",
    ),
    "Api.projects": ("api.projects()", "api.projects('local', 1)", "api.projects(per_page=2)[0]"),
    "Api.run": (
        "api.run('local/vision/train-1').path",
        "api.run('local/vision/runs/train-2').config",
        "api.run('vision/train-3').state",
        "api.run('local/vision:train-3').name",
        "api.run(path='/local/vision/train-1').tags",
    ),
    "Api.runs": (
        "api.runs('local/vision')",
        "api.runs(path='vision', order='-created_at', per_page=1, lazy=False)",
        "api.runs('local/vision', {'config.lr': {'$gt': 0.1}}, '-summary_metrics.loss')",
        "api.runs('local/vision', {'tags': 'try-2'}, include_sweeps=True)",
        "api.runs('local/vision', {'$or': [{'state': 'failed'}, {'display_name': 'Train 1'}]})",
        "api.runs('local/vision', {'jobType': 'train', 'group': {'$ne': 'baseline'}})",
        "api.runs('local/vision', {'display_name': {'$regex': 'in [12]$'}})",
        "api.runs('local/vision', {'summary_metrics.acc': {'$exists': True}}, '+config.lr.value')",
        "len(api.runs('local/vision', {'tags': {'$in': ['try-1', 'try-3']}}))",
    ),
    "Api.user": (
        "vars_of(fresh().user('local'), 'id name username email admin teams')",
        "api.user('local') and api.user('local').username",
        "api.user('nobody-here')",
    ),
    "Api.sweep": (
        "api.sweep('local/tuned/' + sweep.id).config",
        "api.sweep('tuned/sweeps/' + sweep.id).path",
        "api.sweep(path='local/tuned:' + sweep.id).expected_run_count",
    ),
    "Api.reports": (
        "[vars_of(each, 'name display_name id') for each in api.reports('local/tuned')]",
        "api.reports(path='tuned', name='newer', per_page=3)",
        "api.reports('local/vision')",
        "api.reports('local/tuned', 'no%20such')",
    ),
    "Api.users": ("[each.username for each in api.users('local')]", "api.users('nobody-here')"),
    # --- Run ---
    "Run.__init__": (
        "new('Run')(client, 'local', 'vision', 'train-2').config",
        "[each.name for each in [new('Run')(client, 'local', 'vision', 'train-1', None, True)]]",
    ),
    "Run.file": ("vars_of(run.file('train-1/notes.txt'), 'name size md5 mimetype')",),
    "Run.files": (
        "sorted(each.name for each in run.files())",
        "[each.name for each in run.files(names=['train-1/notes.txt', 'nothing'])]",
        "[each.name for each in run.files(pattern='%.bin')]",
        "[each.size for each in run.files(['train-1/weights.bin'], per_page=1)]",
    ),
    "Run.history": (
        "run.history(pandas=False)",
        "run.history(10, pandas=False)",
        "run.history()",
        "run.history(samples=7, keys=['loss'])",
        "run.history(keys=['loss', 'acc'], x_axis='acc', pandas=False)",
        "run.history(stream='system', pandas=False)",
        "fresh().run('local/vision/train-2').history(keys=['odd', 'word'], pandas=False)",
    ),
    "Run.load": (
        "keyed(run.load(), 'id name displayName state')",
        "keyed(run.load(force=True), 'name tags notes')",
    ),
    "Run.scan_history": (
        "list(run.scan_history())",
        "list(run.scan_history(['loss']))",
        "list(run.scan_history(keys=['loss', 'acc'], page_size=4, min_step=3, max_step=9))",
        "list(run.scan_history(min_step=25))",
        "list(fresh().run('local/vision/train-2').scan_history())",
    ),
    "Run.to_html": ("framed(run.to_html())", "framed(run.to_html(height=100, hidden=True))"),
    "Run.wait_until_finished": ("run.wait_until_finished()",),
    "Run.json_config": ("json.loads(run.json_config)",),
    "Run.load_full_data": ("keyed(run.load_full_data(), 'name config')",),
    # --- Runs ---
    "Runs.histories": (
        "runs.histories(samples=5)",
        "runs.histories(samples=5, keys=['loss'])",
        "runs.histories(4, ['loss', 'acc'], x_axis='_step', format='pandas')",
        "runs.histories(keys=['loss'], format='polars')",
        "runs.histories(stream='system')",
    ),
    "Runs.upgrade_to_full": ("runs.upgrade_to_full(); [each.config for each in runs]",),
    # --- Sweep ---
    "Sweep.__init__": (
        "new('Sweep')(client, 'local', 'tuned', sweep.id).state",
        "new('Sweep')(client, 'local', 'tuned', 'x', {'id': 'y', 'config': 'name: n'}).name",
    ),
    "Sweep.best_run": (
        "sweep.best_run()",
        "sweep.best_run('+loss').config",
        "sweep.best_run(order='summary_metrics.loss').summary",
        "sweep.best_run('-config.lr.value').id",
    ),
    "Sweep.get": (
        "new('Sweep').get(api, 'local', 'tuned', sweep.id, order='-created_at').runs",
        "new('Sweep').get(api, 'local', 'tuned', 'none')",
        "new('Sweep').get(api, entity='local', project='tuned', sid=sweep.id, query='query S("
        "$name: String!, $entity: String, $project: String) { project(name: $project, entityName:"
        " $entity) { sweep(sweepName: $name) { id config state } } }').state",
    ),
    "Sweep.load": (
        "keyed(sweep.load(), 'name state')",
        "keyed(sweep.load(force=True), 'id config')",
    ),
    "Sweep.to_html": ("framed(sweep.to_html())", "framed(sweep.to_html(height=7, hidden=True))"),
    "Sweep.agent": (
        "vars_of(sweep.agent(agent.id), 'id name host state total_runs created_at heartbeat_at')",
        "sweep.agent(agent.name).id",
    ),
    "Sweep.agents": ("[each.id for each in sweep.agents()]",),
    "Agent.runs": ("[each.path for each in agent.runs()]", "len(agent.runs(per_page=2))"),
    "Run.sweep": (
        "[each.sweep.id for each in api.runs('local/tuned')]",
        "api.run('local/tuned/' + sweep.runs[0].id).sweep.config",
        "api.run('local/vision/train-1').sweep",
    ),
    "Project.sweeps": (
        "project.sweeps()",
        "[each.id for each in api.project('tuned').sweeps(per_page=1)]",
        "[each.id for each in api.project('tuned').sweeps(1, {'state': {'$ne': 'FINISHED'}})]",
        "list(api.project('tuned').sweeps(filters={'name': 'nope'}))",
    ),
    "Sweeps.__init__": ("new('Sweeps')(client, 'local', 'tuned', 1)[0].id",),
    # --- BetaReport ---
    "BetaReport.__init__": (
        "new('BetaReport')(client, {'id': 'a', 'spec': '{}'}, 'local', 'tuned').spec",
        "new('BetaReport')(client, {'id': 'a=', 'displayName': 'é !x'}, 'local', 'tuned').url",
        "new('BetaReport')(client, {'id': 'a'}).url",
    ),
    "BetaReport.runs": (
        "[each.path for each in report.runs(report.sections[0])]",
        "[each.path for each in report.runs(report.sections[0], only_selected=False)]",
        "list(report.runs(report.sections[0], 1, True))",
    ),
    "BetaReport.to_html": (
        "framed(report.to_html())",
        "framed(report.to_html(height=9, hidden=True))",
    ),
    "Reports.__init__": ("new('Reports')(client, api.project('tuned', 'local'), 'older')[0].id",),
    # --- File ---
    "File.download": (
        "text_of(file.download(folder))",
        "text_of(file.download(root=folder, replace=True))",
        "text_of(file.download(folder, exist_ok=True, api=api))",
    ),
    # --- Project ---
    "Projects.length": ("fresh().projects('local').length",),
    "Project.__init__": ("new('Project')(client, 'local', 'vision', {}).id",),
    "Project.to_html": (
        "framed(project.to_html())",
        "framed(project.to_html(height=5, hidden=True))",
    ),
    # --- Member, User, Team ---
    "Api.team": (
        "vars_of(api.team('lab'), 'name is_team entity_type default_access private_only')",
        "[vars_of(each, 'id name username email admin pending account_type team')"
        " for each in fresh().team('lab').members]",
    ),
    "Team.__init__": (
        "new('Team')(client, 'lab').name",
        "new('Team')(client, name='lab', attrs={'id': 'x'}).id",
    ),
    "Team.load": ("[sorted(team.load()), team.load() is team.load(True)]",),
    "Team.to_html": ("[team.to_html(), team.display()]",),
    "Member.__init__": ("new('Member')(client, 'lab', {'name': 'x', 'id': 'y'}).team",),
    "Member.to_html": ("[member.to_html(), member.display(), repr(member)]",),
    "User.__init__": ("repr(new('User')(client, {'name': 'x', 'id': 'y'}))",),
    "User.to_html": ("[api.viewer.to_html(), api.viewer.display()]",),
    "User.api_keys": ("fresh().viewer.api_keys", "new('User')(client, {'id': 'x'}).api_keys"),
    "User.teams": ("api.viewer.teams",),
    "User.user_api": (
        "fresh().viewer.user_api.viewer.username",
        "new('User')(client, {'id': 'x'}).user_api",
    ),
}
#: Documented failures.
ERRORS: dict[str, tuple[str, ...]] = {
    "Api.run": ("api.run('local/vision/nope').id",),
    "Api.project": ("api.project('nope', 'local').id",),
    "Api.from_path": (
        "api.from_path('a/b/c/d/e')",
        "api.from_path('a/b/c/d')",
        "api.from_path('a/b/reports/No-id')",
    ),
    "Api.runs": ("len(api.runs('local/nope'))",),
    "Api.sweep": ("api.sweep('local/tuned/nope').id",),
    "Api.reports": ("len(api.reports('local/nope'))",),
    "Sweep.agent": ("sweep.agent('nope').id",),
    "BetaReport.runs": ("report.runs({'runSets': []})",),
    "Run.file": ("run.file('not-there.txt').size",),
    "Run.files": ("list(run.files(names=['a'], pattern='b'))",),
    "File.download": ("file.download(folder); file.download(folder)",),
    "Runs.histories": ("runs.histories(format='wrong')",),
    "Run.scan_history": ("list(run.scan_history(keys='loss'))",),
    "Api.team": ("api.team('nope')",),
    "Api.create_user": ("api.create_user('no address')", "api.create_user('ada@example.org')"),
    "User.delete_api_key": ("api.viewer.delete_api_key('nope')",),
    "Runs.__getitem__": ("runs[100]",),
}

WRITES: dict[str, tuple[str, ...]] = {
    # --- Sweep ---
    "Sweep.enqueue_run": (
        "them = fresh().project('tuned', 'local').sweeps()[1];"
        " them.enqueue_run({'lr': 0.5}, display_name='by hand');"
        " vars_of(them.runs[0], 'name state config sweep_name')",
    ),
    # --- Api ---
    "Api.create_project": (
        "api.create_project('made', 'local'); fresh().project('made', 'local')",
        "api.create_project(name='vision', entity='local'); list(fresh().projects('local'))",
    ),
    "Api.create_run": (
        "api.create_run(run_id='made-1', project='made', entity='local')",
        "vars_of(fresh().run('local/made/made-1'), 'id state config tags')",
    ),
    # --- Run ---
    "Run.create": (
        "new('Run').create(api, 'made-2', 'made', 'local', state='pending').state",
        "new('Run').create(api, run_id='made-3', project='made').path",
        "[[each.id, each.state] for each in fresh().runs('local/made')]",
    ),
    "Run.update": (
        "run.config['lr'] = 0.75; run.config['new'] = {'deep': [1, None]};"
        " run.tags.append('added'); run.notes = 'changed'; run.update();"
        " vars_of(fresh().run('local/vision/train-1'), 'config tags notes summary')",
        "run.summary['best'] = 0.5; run.summary['nest'] = {'a': 1}; run.summary.update();"
        " fresh().run('local/vision/train-1').summary",
        "run.summary.update({'more': 'text'}); fresh().run('local/vision/train-1').summary",
    ),
    "Run.save": (
        "run.name = 'Renamed'; run.group = 'regrouped'; run.save();"
        " vars_of(fresh().run('local/vision/train-1'), 'name display_name group job_type')",
    ),
    "Run.update_state": (
        "them = fresh().run('local/made/made-1');"
        " [them.update_state('pending'), them.state, fresh().run('local/made/made-1').state]",
    ),
    "Run.stop": ("fresh().run('local/made/made-3').stop()",),
    "Run.upload_file": (
        "(Path(folder) / 'new.txt').write_text('new text');"
        " vars_of(run.upload_file(folder + '/new.txt', root=folder), 'name size mimetype')",
        "text_of(fresh().run('local/vision/train-1').file('new.txt').download(folder))",
    ),
    "File.delete": (
        "run.file('new.txt').delete();"
        " sorted(each.name for each in fresh().run('local/vision/train-1').files())",
    ),
    "Run.delete": (
        "fresh().run('local/made/made-2').delete();"
        " [each.id for each in fresh().runs('local/made')]",
        "fresh().run('local/made/made-3').delete(delete_artifacts=True);"
        " [each.id for each in fresh().runs('local/made')]",
    ),
    # --- Team, Member, User ---
    "Api.create_user": (
        "vars_of(api.create_user('made@example.org', admin=True), 'id name username email admin')",
        "[each.username for each in fresh().users('example.org')]",
    ),
    "User.create": ("new('User').create(api, 'other@example.org').username",),
    "Api.create_team": (
        "[each.username for each in api.create_team('crew', 'made').members]",
        "[each.username for each in api.create_team('lab').members]",
    ),
    "Team.create": ("new('Team').create(api, 'gang').members[0].username",),
    "Team.invite": (
        "them = fresh().team('crew'); [them.invite('local', admin=True), them.invite('local'),"
        " them.invite('nobody'), them.invite('new@example.org'), them.invite('other@example.org')]",
        "[vars_of(each, 'name email admin pending') for each in fresh().team('crew').members]",
    ),
    "Member.delete": (
        "[each.delete() for each in fresh().team('crew').members[2:]]",
        "fresh().team('crew').members[0].delete(); len(fresh().team('crew').members)",
        "them = fresh().team('crew').members[0]; [them.delete(), them.delete()]",
    ),
    "Team.create_service_account": (
        "vars_of(fresh().team('gang').create_service_account('bot'), 'name admin account_type')",
        "[each.name for each in fresh().team('gang').members]",
    ),
    "User.generate_api_key": (
        "them = fresh().viewer; key = them.generate_api_key('for tests');"
        " [len(key) > 40, them.api_keys == [key], len(fresh().viewer.api_keys)]",
    ),
    "User.delete_api_key": (
        "them = fresh().viewer; [them.delete_api_key(them.api_keys[0]), fresh().viewer.api_keys]",
        "them = fresh().viewer; key = them.generate_api_key();"
        " [them.delete_api_key(key), them.delete_api_key(key), fresh().viewer.api_keys]",
    ),
}

#: Where we differ on purpose, and why; these calls must differ.
DELIBERATE = {
    "fresh().run('local/vision/train-2').history(keys=['odd', 'word'], pandas=False)": (
        "NaN is a number, where the SDK gives the text 'NaN' when keys are asked for"
    ),
    "list(fresh().run('local/vision/train-2').scan_history())": (
        "a key that a row did not log is left out, where the SDK gives None over exported files"
    ),
}


def _expand() -> None:
    """Take in the calls of the other modules, and write out those of attributes and listings."""
    attributes, listings = dict(_ATTRIBUTES), dict.fromkeys(PAGED, tuple(_PAGING))
    made = dict(PAGED)
    for part in (artifact_calls, registry_calls, launch_calls, automation_calls):
        for mine, theirs in (
            (OBJECTS, part.OBJECTS), (READS, part.READS), (UNEVEN, part.UNEVEN),
            (ERRORS, part.ERRORS), (WRITES, part.WRITES), (attributes, part.ATTRIBUTES),
            (made, part.LISTINGS), (listings, dict.fromkeys(part.LISTINGS, _LISTING)),
        ):  # fmt: skip
            mine.update(theirs)
    for owner, (found, names) in attributes.items():
        READS.update({f"{owner}.{name}": (f"{found}.{name}",) for name in names.split()})
    for owner, names in listings.items():
        for name in names:
            if (owner, name) != ("Projects", "__len__"):
                lines = [f"them = {made[owner]}; {call}" for call in _PAGING[name]]
                READS[f"{owner}.{name}"] = tuple(lines)


_expand()
