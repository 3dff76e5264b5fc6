import type { Host } from '../host/index.ts';

/**
 * Where systemd runs, what outlives us is a unit of its own: else it would end with the unit or session that we are in.
 * Returns the command that starts it so; undefined elsewhere. `properties` are those of systemd.service(5).
 */
export async function unitCommand(
  host: Host,
  properties: readonly string[],
  command: readonly string[],
): Promise<readonly [string, ...string[]] | undefined> {
  const isSystemd = (await host.files.stat('/run/systemd/system')) !== undefined;
  if (!isSystemd) return undefined;
  const words = properties.flatMap((property) => ['-p', property]);
  return ['systemd-run', '--collect', '--quiet', ...words, ...command];
}
