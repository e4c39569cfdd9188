import { defineConfig } from "vite";

// The gateway serves the built entries at /, /inbox, /docs, /studio and so on, and the hashed files at /assets/.
// In development (`npm run dev`) everything else goes to a gateway on its default port.
const gateway = "http://127.0.0.1:8000";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../gateway/static",
    emptyOutDir: true,
    target: "es2022",
    // The page's CSP allows no inline script, and the polyfill would be the only reason for one.
    modulePreload: { polyfill: false },
    // Swagger UI is that large, and only /docs loads it.
    chunkSizeWarningLimit: 1_700,
    rolldownOptions: { input: ["index.html", "inbox.html", "docs.html", "support.html", "ops.html", "studio.html"] },
  },
  server: {
    proxy: {
      "/api": gateway,
      "/dev": gateway,
      "/socket.io": { target: gateway, ws: true },
    },
  },
});
