"""W&B's own reports package saves reports here, and our client reads what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    LogRun = Callable[..., dict[str, Any]]

SCRIPT = """
import json, warnings
warnings.simplefilter("ignore")
import wandb, wbexport
import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

for name, lr in (("a", 0.1), ("b", 0.2), ("c", 0.3)):
    with wandb.init(project="told", id=name, config={"lr": lr}) as run:
        run.log({"loss": 1 - lr})

def section(filters):
    order = [wr.OrderBy(name=wr.SummaryMetric("loss"), ascending=True)]
    runs = wr.Runset(entity="local", project="told", filters=filters, order=order)
    return wr.PanelGrid(runsets=[runs], panels=[wr.LinePlot(y=["loss"])])

report = wr.Report(entity="local", project="told", title="What: helped", description="text")
report.blocks = [wr.H1("A heading"), section("Config('lr') >= 0.2"),
                 section("Config('lr') == 0.1 or SummaryMetric('loss') <= 0.75")]
report.save()
loaded = wr.Report.from_url(report.url)
answer = {"title": loaded.title, "blocks": len(loaded.blocks)}
loaded.title = "What helped"
loaded.save()
gone = wr.Report(entity="local", project="told", title="Gone")
gone.save()
gone.delete()
ws.Workspace(entity="local", project="told", name="A workspace", sections=[]).save()

(mine,) = wbexport.Api().reports("local/told")
answer["listed"] = [mine.display_name, mine.description, mine.user["username"], mine.url]
answer["runs"] = [[run.id for run in mine.runs(each)] for each in mine.sections]
again = wbexport.Api().from_path(report.url.split("/", 3)[3])
answer["again"] = again.spec == mine.spec
print(json.dumps(answer))
"""


def test_the_reports_package_saves_loads_changes_and_deletes_reports(log_run: LogRun) -> None:
    answer = log_run(SCRIPT)
    title, description, user, url = answer.pop("listed")
    assert (title, description, user) == ("What helped", "text", "local")
    assert "/local/told/reports/What-helped--" in url
    assert answer == {
        "title": "What: helped",
        "blocks": 3,
        "runs": [["c", "b"], ["c", "a"]],
        "again": True,
    }
