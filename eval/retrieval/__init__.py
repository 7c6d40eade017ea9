"""What retrieval finds: judged collections, metrics of rankings, and the bench."""
