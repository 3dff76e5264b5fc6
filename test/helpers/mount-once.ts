// A process of its own that mounts or unmounts one molecule: mount-once.ts mount|unmount REQUEST-AS-JSON [N]. With N it
// kills itself with SIGKILL before its n-th mutation. Prints what it did.
import { type MoleculeRequest, mountMolecule, unmountMolecule } from '../../pkg/atomfs/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { watchedHost } from './counting-host.ts';

const [verb, json = '', stopAt = '0'] = process.argv.slice(2);
const request = JSON.parse(json) as MoleculeRequest;
let count = 0;
const host = watchedHost(linuxHost, () => {
  if (++count === Number(stopAt)) process.kill(process.pid, 'SIGKILL');
});
try {
  const result =
    verb === 'mount'
      ? await mountMolecule(host, request)
      : await unmountMolecule(host, request.target, request);
  console.log(JSON.stringify(result));
} catch (error) {
  console.log(JSON.stringify({ error: (error as Error).message }));
  process.exitCode = 1;
}
