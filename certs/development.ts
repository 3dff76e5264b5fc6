// Makes the keyset "development" below build/keys, or says where it is. See README.md.
import { resolve } from 'node:path';
import { linuxHost } from '../pkg/host/linux/index.ts';
import { addKeyset, listKeysets } from '../pkg/trust/index.ts';

const name = 'development';
const folder = resolve(process.argv[2] ?? 'build/keys', 'machine/trust/keys');

const there = await listKeysets(linuxHost, { folder });
if (!there.includes(name))
  await addKeyset(linuxHost, name, { folder, organizations: ['not for production'] });
process.stdout.write(`${folder}/${name}\n`);
