"""What the Python client of InfluxDB 1.x does all day: influxdb_1x.py HOST PORT [NAME PASSWORD]. Ends with 0 if all is well."""

import sys

from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

host, port, *account = sys.argv[1:]
client = InfluxDBClient(host, int(port), *account, gzip=True)


def expect(got, want):
    assert got == want, f"expected {want!r}, found {got!r}"


expect(client.ping(), "1.8.10")
client.create_database("py")
client.create_database("py")
assert {"name": "py"} in client.get_list_database()
client.switch_database("py")
client.create_retention_policy("short", "2h", "1", database="py")
client.alter_retention_policy("short", database="py", duration="3h")
policies = {policy["name"]: policy["duration"] for policy in client.get_list_retention_policies("py")}
expect(policies, {"autogen": "0s", "short": "3h0m0s"})

# Points as dictionaries and as lines; answers come as MessagePack, which this client asks for by itself.
points = [{"measurement": "cpu", "tags": {"host": "a b", "core": core}, "time": second,
           "fields": {"load": second / 4, "count": second, "on": second % 2 == 0, "text": f"é\"{second}"}}
          for second in range(100) for core in "01"]
client.write_points(points, time_precision="s", batch_size=50)
client.write_points(["cpu,host=c,core=0 load=1.5 7000"], protocol="line", time_precision="ms")
means = client.query("SELECT mean(load) FROM cpu WHERE host = 'a b' AND time < 100s GROUP BY time(50s), core")
expect(list(means.get_points(tags={"core": "1"})),
       [{"time": "1970-01-01T00:00:00Z", "mean": 6.125}, {"time": "1970-01-01T00:00:50Z", "mean": 18.625}])
row = next(client.query("SELECT * FROM cpu WHERE core = '0' AND time = 3s", epoch="s").get_points())
expect(row, {"time": 3, "core": "0", "count": 3, "host": "a b", "load": 0.75, "on": False, "text": "é\"3"})
bound = client.query("SELECT count(load) FROM cpu WHERE host = $host", bind_params={"host": "c"}, method="POST")
expect([point["count"] for point in bound.get_points()], [1])
several = client.query("SELECT last(count) FROM cpu; SHOW TAG VALUES FROM cpu WITH KEY = host", epoch="ms")
expect([list(result.get_points()) for result in several],
       [[{"time": 99000, "last": 99}], [{"key": "host", "value": "a b"}, {"key": "host", "value": "c"}]])

# An answer of many documents: as JSON, since this client reads only the first of MessagePack, whoever sends them.
json_client = InfluxDBClient(host, int(port), *account, database="py", headers={"Accept": "application/json"})
chunked = json_client.query("SELECT count FROM cpu", chunked=True, chunk_size=30, epoch="s")
times = [point["time"] for piece in chunked for point in piece.get_points()]
expect(times, sorted(times))
expect(len(times), 200)

expect(sorted(name["name"] for name in client.get_list_measurements()), ["cpu"])
expect(client.get_list_series(measurement="cpu"),
       ["cpu,core=0,host=a\\ b", "cpu,core=0,host=c", "cpu,core=1,host=a\\ b"])
client.delete_series(measurement="cpu", tags={"host": "c"})
expect(len(client.get_list_series(measurement="cpu")), 2)
client.drop_measurement("cpu")
expect(client.get_list_measurements(), [])

client.create_user("reader", "secret")
client.grant_privilege("read", "py", "reader")
expect(client.get_list_privileges("reader"), [{"database": "py", "privilege": "READ"}])
assert {"user": "reader", "admin": False} in client.get_list_users()
client.drop_user("reader")

for query, message in [("SELECT", "error parsing query: found EOF"), ("SELECT v FROM nowhere..m", "database not found: nowhere")]:
    try:
        client.query(query)
    except InfluxDBClientError as error:
        assert message in str(error), error
    else:
        raise AssertionError(f"{query} was answered")
try:
    client.write_points(["cpu load=1 1", "cpu load="], protocol="line")
except InfluxDBClientError as error:
    expect(error.code, 400)
    assert "partial write: unable to parse 'cpu load='" in str(error), error
else:
    raise AssertionError("half a line was taken")
client.drop_database("py")
print("ok")
