// What a process that runs already does to give an image to a service: reads `ours`, `host` (with the ids of the host, as
// a recursive chown finds it) and `unmount` from stdin, and answers each with the milliseconds it took.
import { readFileSync } from 'node:fs';
import { type MoleculeRequest, mountMolecule, unmountMolecule } from '../../../pkg/atomfs/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { type RootRequest, rootRequestFile, serviceIds } from './request.ts';
import { answerWords } from './told.ts';

const target = '/tmp/root';
const where = { runtime: '/run/bench', owner: 'bench' };
/** On the disk. */
const uppers = '/repo/build/bench/uppers';
const gibibyte = 1024 ** 3;

async function main(): Promise<void> {
  const { layers }: RootRequest = JSON.parse(readFileSync(rootRequestFile, 'utf8'));
  const request: MoleculeRequest = { layers, target, integrity: 'verity', ...where };
  const ours = { upper: { kind: 'bounded', folder: uppers, size: gibibyte }, ids: serviceIds } as const;
  const host = { upper: { kind: 'folder', folder: uppers } } as const;
  await answerWords({
    ours: () => mountMolecule(linuxHost, { ...request, ...ours }),
    host: () => mountMolecule(linuxHost, { ...request, ...host }),
    unmount: () => unmountMolecule(linuxHost, target, where),
  });
}

void main();
