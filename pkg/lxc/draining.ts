import { type Host, readTextIfThere } from '../host/index.ts';
import { containerProcess, type Place } from './programs.ts';

/** include/net/tcp_states.h: ESTABLISHED, SYN_RECV, CLOSE_WAIT: somebody waits for an answer, or may. */
const connected = ['01', '03', '08'];

/** Text of /proc/PID/net/tcp or tcp6. */
export const isConnected = (text: string): boolean =>
  text.split('\n').some((line) => connected.includes(line.trim().split(/\s+/)[3] ?? ''));

/** What was sent to it arrives within the first look. Milliseconds. */
const look = 50;
const longest = 1000;

/** Nothing new is led to a container any more: waits until nobody is connected to it, but not for who just stays. */
export async function drainContainer(host: Host, place: Place): Promise<void> {
  const process = await containerProcess(host, place);
  if (process === undefined) return;
  const end = host.clock.monotonic() + longest;
  const texts = () =>
    Promise.all(['tcp', 'tcp6'].map((name) => readTextIfThere(host, `/proc/${process}/net/${name}`)));
  do await host.clock.sleep(look);
  while (host.clock.monotonic() < end && (await texts()).some((text) => isConnected(text ?? '')));
}
