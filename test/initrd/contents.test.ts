import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readInitrd } from '../../initrd/contents.ts';
import { wantedModules } from '../../initrd/modules.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { memoryFolder } from '../helpers/folders.ts';

/** The order in which the modules of an initrd are loaded, of a kernel that has these beside the wanted ones. */
async function orderOf(t: ExecutionContext, others: readonly string[]): Promise<string[]> {
  const modules = await memoryFolder(t);
  for (const name of [...wantedModules, ...others]) writeFileSync(join(modules, `${name}.ko`), name);
  const any = join(modules, 'loop.ko');
  const entries = await readInitrd(linuxHost, { preinit: any, mosctl: any, manifestCa: any, modules });
  const order = entries.find(({ path }) => path === 'lib/modules/order');
  return order?.kind === 'file' ? Buffer.from(order.content).toString().trim().split('\n') : [];
}

test('a processor without AES of its own unlocks partitions too: where ecb is a module, it comes before xts', async (t) => {
  t.deepEqual(await orderOf(t, ['ecb']), ['ecb.ko', ...(await orderOf(t, []))]);
});
