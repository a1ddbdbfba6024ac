"""What the Python client of InfluxDB 2.x can do with 1.8: influxdb_2x.py HOST PORT [NAME PASSWORD]. Ends with 0 if all is well."""

import sys
import urllib.request

from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

host, port, *account = sys.argv[1:]
url = f"http://{host}:{port}"
client = InfluxDBClient(url=url, token=":".join(account) or "-", org="-", enable_gzip=True)


def expect(got, want):
    assert got == want, f"expected {want!r}, found {got!r}"


def query(text):
    form = urllib.parse.urlencode({"q": text, "db": "py2", "epoch": "s", **dict(zip("up", account))})
    with urllib.request.urlopen(f"{url}/query?{form}", data=b"") as answer:
        return answer.read().decode()


query("CREATE DATABASE py2")
expect(client.health().status, "pass")
assert client.ping()
expect(client.version(), "1.8.10")
with client.write_api(write_options=SYNCHRONOUS) as api:
    api.write("py2", record=Point("m").tag("host", "a,b").field("v", 1.5).time(10, WritePrecision.S))
    api.write("py2/autogen", record=["m,host=c v=2 20", "m,host=c v=3 30"], write_precision=WritePrecision.S)
    for bucket, status, message in [("nosuch", 404, "database not found"), ("py2/none", 500, "retention policy not found")]:
        try:
            api.write(bucket, record="m v=1")
        except ApiException as error:
            expect(error.status, status)
            assert message in error.body, error.body
        else:
            raise AssertionError(f"{bucket} was written to")
answer = query("SELECT v FROM m GROUP BY host")
assert '"tags":{"host":"a,b"},"columns":["time","v"],"values":[[10,1.5]]' in answer, answer
assert '"values":[[20,2],[30,3]]' in answer, answer
try:
    client.query_api().query('from(bucket: "py2") |> range(start: 0)')
except ApiException as error:
    expect(error.status, 403)
    assert "Flux query service disabled" in str(error.body), error.body
else:
    raise AssertionError("Flux was answered")
query("DROP DATABASE py2")
print("ok")
