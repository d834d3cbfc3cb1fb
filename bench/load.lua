-- wrk's side of bench/load.ts. Arguments: method, bytes of body. The request is made once, so no Lua runs per request.
function init(args)
  wrk.method = args[1]
  local bytes = tonumber(args[2])
  if bytes > 0 then
    wrk.headers["Content-Type"] = "application/octet-stream"
    wrk.body = string.rep("b", bytes)
  end
  local request = wrk.format()
  wrk.request = function() return request end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n@result {"duration_us":%d,"requests":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.duration, summary.requests, summary.bytes, errors.connect, errors.read, errors.write, errors.timeout,
    errors.status, latency:percentile(50), latency:percentile(99)))
end
