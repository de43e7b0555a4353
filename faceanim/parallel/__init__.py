"""Many jobs: on processes of this machine or a Ray cluster, and the record of those that are finished."""
