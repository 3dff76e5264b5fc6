import type { Host } from './host.ts';

type Methods<P> = { [K in keyof P]: P[K] extends (...args: never[]) => unknown ? K : never }[keyof P];
type Table = { readonly [P in keyof Host]: readonly Methods<Host[P]>[] };

/**
 * The methods of each port that change the machine. The crash campaigns count and stop at these; a method that
 * isn't here must not change anything. The writes and syncs of a WritableFile count too, and what is sent to a TPM.
 */
export const mutations = {
  files: [
    'makeFolder',
    'create',
    'resume',
    'writeAt',
    'rename',
    'link',
    'symlink',
    'remove',
    'removeFolder',
    'removeTree',
    'copyTree',
    'keepEnd',
    'setMode',
    'setOwner',
    'makeMutable',
    'syncFolder',
  ],
  processes: ['run', 'attend', 'leave'],
  mounts: ['mount', 'unmount', 'bind', 'move', 'replace', 'mapIds'],
  devices: ['loopAttach', 'loopDetach', 'dmCreate', 'dmRemove', 'openTpm', 'startWatchdog', 'loadModule'],
  clock: [],
  machine: [],
  threads: [],
  network: ['setLink', 'setAddress', 'addDefaultRoute', 'openBroadcast'],
} as const satisfies Table;
