/** A receiver for a first look: prints one line for each request and takes it. `/fail` refuses them all. */
import { createServer } from 'node:http';

createServer((request, response) => {
  request.resume().on('end', () => {
    const status = request.url === '/fail' ? 503 : 204;
    const { 'x-webhook-event': type, 'x-delivery-id': delivery, 'x-webhook-attempt': attempt } = request.headers;
    console.log(`${new Date().toISOString()} ${type} ${delivery} attempt ${attempt} answered ${status}`);
    response.writeHead(status).end();
  });
}).listen(4000);

process.on('SIGTERM', () => process.exit(0));
