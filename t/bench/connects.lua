-- For proxy.pl: an event is a session: connect, log in, ask one thing, leave.

local drv

function thread_init()
    drv = sysbench.sql.driver()
end

function event()
    local session = drv:connect()

    session:query_row("SELECT 1")
    session:disconnect()
end
