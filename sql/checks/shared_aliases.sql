-- Which aliases does a collection give to several versions?
-- One row per collection and alias; none in a sound store.
select
    collection_no,
    alias,
    count(*) as versions
from (
    select
        collection_no,
        unnest(aliases) as alias
    from stored.artifact_members
)
group by collection_no, alias
having count(*) > 1
order by collection_no, alias;
