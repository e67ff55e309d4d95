/** CPU time that this process has used, milliseconds: unlike a clock it stands still while others have the cores. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
