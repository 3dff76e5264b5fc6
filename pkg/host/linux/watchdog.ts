import { isMosError } from '../../errors/index.ts';
import { Descriptor, openFlags } from './descriptor.ts';
import { libc } from './libc/index.ts';
import { syscalls } from './syscalls.ts';

const node = '/dev/watchdog';
/** linux/watchdog.h: WDIOC_SETTIMEOUT, _IOWR('W', 6, int). */
const setSeconds = 0xc0045706;

export async function startWatchdog(seconds: number): Promise<boolean> {
  const calls = await libc();
  try {
    // Opening starts it, and a close without the letter V leaves it running (watchdog-api.rst).
    using file = Descriptor.open(calls, node, openFlags.write);
    // A driver that can't wait so long keeps to its own time.
    calls.call(syscalls.ioctl, file.number, setSeconds, new Uint8Array(Int32Array.of(seconds).buffer));
    return true;
  } catch (error) {
    if (isMosError(error, 'not-found')) return false;
    throw error;
  }
}
