// Brings up the network as an initrd does and prints what came of it. It runs in a network namespace of its own; /etc is
// the folder that is its argument.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { bringUpNetwork } from '../../initrd/network.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { Undo } from '../../pkg/undo/index.ts';

const [folder = ''] = process.argv.slice(2);
const { files } = linuxHost;
const inFolder = (path: string): string => path.replace(/^\/etc(?=\/|$)/, folder);
const host: Host = {
  ...linuxHost,
  files: {
    ...files,
    makeFolder: (path, options) => files.makeFolder(inFolder(path), options),
    create: (path, options) => files.create(inFolder(path), options),
    rename: (from, to) => files.rename(inFolder(from), inFolder(to)),
    syncFolder: (path) => files.syncFolder(inFolder(path)),
  },
};
const ip = (...words: string[]): string => execFileSync('ip', words, { encoding: 'utf8' });

const held = new Undo();
const lease = await bringUpNetwork(host, held, () => {});
const address = ip('-4', '-o', 'address', 'show', 'scope', 'global');
const route = ip('route', 'show', 'default');
await held[Symbol.asyncDispose]();
const after = ip('-o', 'link', 'show', 'up');
console.log(
  JSON.stringify({ lease, address, route, after, resolv: readFileSync(`${folder}/resolv.conf`, 'utf8') }),
);
