/** Whether a daemon's address (DOCKER_HOST) is on another host, or may be: its containers mount the folders of that host. */
export function isRemoteEndpoint(endpoint: string | undefined): boolean {
  return /^(?:ssh|tcp|https?):/.test(endpoint ?? "");
}
