"""What makes botocore quick without changing what it says: its model in pieces, one trust store, a reader of answers.

Everything in here can be left out, and the same is printed, later.
"""
