-- Throttle orders for 64 apps in turn. Says at the end, for throttle.pl:
-- orders, the microseconds that they took, what was not 2xx, what got no
-- answer, the median of an order's microseconds.

local orders, n = {}, 0

init = function()
    for i = 0, 63 do
        orders[i] = wrk.format("GET", "/throttle-app/many" .. i ..
            "?ttl=1&ratio=1")
    end
end

request = function()
    n = (n + 1) % 64
    return orders[n]
end

done = function(summary, latency)
    local e = summary.errors

    print(string.format("orders %d %d %d %d %d", summary.requests,
        summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
        latency:percentile(50)))
end
