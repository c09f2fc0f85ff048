-- Posts signed bodies from a file. Arguments: the file, then "round" to begin anew at its end or "once" to stop there.
local posts, at, once = {}, 0, false

function init(arguments)
  once = arguments[2] == "once"
  for line in io.lines(arguments[1]) do
    local signature, body = line:match("^(%S+) (.*)$")
    local headers = { ["videosdk-signature"] = signature, ["content-type"] = "application/json" }
    posts[#posts + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  at = at + 1
  if at > #posts then
    if once then
      wrk.thread:stop()
      return wrk.format("GET", "/healthz", { ["host"] = wrk.headers["Host"] })
    end
    at = 1
  end
  return posts[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"posts":%d,"refused":%d,"broken":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  ))
end
