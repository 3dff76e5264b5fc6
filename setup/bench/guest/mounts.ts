// What a process that runs already does to mount an image: mounts NAME reads `mount` and `unmount` from stdin, and
// answers each with the milliseconds it took.
import { readFileSync } from 'node:fs';
import { type MoleculeRequest, mountMolecule, unmountMolecule } from '../../../pkg/atomfs/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { type MountRequest, requestsFile } from './request.ts';
import { answerWords } from './told.ts';

const target = '/tmp/at';
const where = { runtime: '/run/bench', owner: 'bench' };

async function main(): Promise<void> {
  const requests: MountRequest[] = JSON.parse(readFileSync(requestsFile, 'utf8'));
  const layers = requests.find(({ name }) => name === process.argv[2])?.layers ?? [];
  const request: MoleculeRequest = {
    layers,
    target,
    integrity: 'verity',
    upper: { kind: 'memory' },
    ...where,
  };
  await answerWords({
    mount: () => mountMolecule(linuxHost, request),
    unmount: () => unmountMolecule(linuxHost, target, where),
  });
}

void main();
