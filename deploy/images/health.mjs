// Ends well while the service in this container lives. What it can do is told by /readyz, which is not asked here: an engine that restarts
// a container because its database is away helps nobody.
const port = /:(\d+)$/.exec(process.env.RIFT_HTTP_ADDRESS ?? '')?.[1] ?? '9090';
try {
  const response = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(4000) });
  process.exitCode = response.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
