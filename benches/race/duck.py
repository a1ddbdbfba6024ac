"""Runs SQL over a CSV file in DuckDB, with one thread: duck.py FILE.csv DATABASE COUNT, the queries as JSON on standard input.

Prints the median milliseconds of each. An answer is put into a table, so that nobody pays for making objects of Python.
"""

import json
import statistics
import sys
import time

import duckdb


def main():
    csv, database, count = sys.argv[1:]
    connection = duckdb.connect(database)
    connection.execute("SET threads TO 1")
    connection.execute("SET preserve_insertion_order TO true")
    columns = "{'time': 'BIGINT', 'hostname': 'VARCHAR'" + "".join(
        f", '{name}': 'BIGINT'" for name in open(csv).readline().strip().split(",")[2:]) + "}"
    connection.execute(f"CREATE TABLE cpu AS SELECT * FROM read_csv('{csv}', header = true, columns = {columns})")
    connection.execute("CHECKPOINT")
    medians = {}
    for name, sql in json.load(sys.stdin).items():
        times = []
        for _ in range(int(count) + 1):
            began = time.perf_counter()
            connection.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {sql}")
            times.append((time.perf_counter() - began) * 1e3)
        medians[name] = statistics.median(times[1:])
    json.dump(medians, sys.stdout)


main()
