"""The index kinds measured: build, memory, recall and speed, beside bare FAISS and other libraries.

``python -m tersus.eval.index_bench`` runs it. ``vectors`` draws or embeds what is indexed, ``kind`` measures
one kind and ``peer`` another library, each in a process of its own (``apart``); ``run`` puts them together,
``verdicts`` holds the figures against the targets, ``show`` prints them.
"""
