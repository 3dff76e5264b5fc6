import type { Host } from '../../pkg/host/index.ts';
import { raised, readFloor, recordFloor, type StateLock } from '../../pkg/state/index.ts';

/** As when a generation of this version proved good. */
export async function raiseFloor(host: Host, lock: StateLock, securityVersion: number): Promise<void> {
  await recordFloor(host, lock, raised(await readFloor(host, lock.state), securityVersion));
}
